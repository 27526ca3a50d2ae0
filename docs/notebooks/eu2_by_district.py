# %% [markdown]
# # EU2 citizens by district, with what rounding leaves open
#
# Counts of the Central Register of Foreigners are rounded to 5 since 2016, each country on its own, so a sum of two
# countries may be off by 4. A share per 100 inhabitants has an interval for that reason, not for a sampling error.

# %%
from pathlib import Path

import altair as alt

import lagebild

population = lagebild.read("foreign_population")
day = population.loc[population["source"] == "azr_nrw", "reference_date"].max()
eu2 = population[
    (population["nationality"] == "EU2")
    & (population["sex"] == "all")
    & (population["source"] == "azr_nrw")
    & (population["reference_date"] == day)
    & population["region_level"].isin(["district", "municipality"])
]
# A town that is a district of its own stands once, as a municipality; districts that were dissolved have no number.
eu2 = eu2[eu2["persons"].notna() & ((eu2["region_level"] == "district") | eu2["region_code"].str.endswith("000"))]
columns = ["region_code", "region_name", "persons", "persons_low", "persons_high", "per_100_inhabitants"]
eu2 = eu2[[*columns, "per_100_inhabitants_low", "per_100_inhabitants_high"]].drop_duplicates("region_code")
print(f"{len(eu2)} districts and towns on {day:%d.%m.%Y}")

# %%
shares = eu2[eu2["per_100_inhabitants"].notna()].sort_values("per_100_inhabitants", ascending=False)
print(shares.head(10).to_string(index=False))
print(f"{len(eu2) - len(shares)} places have no count of inhabitants of that day: no share is shown for them")

# %%
counts = alt.Chart(eu2.astype({"persons": int, "persons_low": int, "persons_high": int})).encode(
    y=alt.Y("region_name:N", sort="-x", title=None)
)
chart = (
    counts.mark_bar().encode(x=alt.X("persons:Q", title=f"EU2 citizens, {day:%d.%m.%Y}"))
    + counts.mark_errorbar(color="black").encode(x=alt.X("persons_low:Q", title=""), x2="persons_high:Q")
).properties(title="Bulgarian and Romanian citizens by district, North Rhine-Westphalia (Source: IT.NRW, AZR)")
chart  # noqa: B018 - a notebook shows the last expression of a cell

# %%
target = Path(".lagebild") / "eu2_by_district.vl.json"
target.parent.mkdir(exist_ok=True)
target.write_text(chart.to_json())
print(f"written: {target} (a Vega-Lite chart; Jupyter and VS Code draw `chart` itself)")
