# %% [markdown]
# # Dortmund 2019: EUR per person and year, from the components
#
# What the city spent for Bulgarian and Romanian citizens who are not in employment subject to social insurance, over
# the number of these persons. Every number comes from the marts; the last cell shows from which file and line.

# %%
import lagebild

costs = lagebild.read("cost_per_person", place="Dortmund", year=2019, exact=True)
figure = costs.iloc[0]
print(f"publication {costs.attrs['publication']['publication_id']}; evidence {figure['evidence']}")
print(costs.attrs["caption"]["en"])

# %% [markdown]
# ## Numerator: the components that are attributed to the group
# `amount_eur` may be added over products and accounts (`marts.column_text.additive_over`). What is not attributed, and
# what is excluded, stands beside it: the three together are the whole ledger.

# %%
components = lagebild.read("cost_component", place="Dortmund", year=2019, exact=True)
by_treatment = components.groupby("treatment")["amount_eur"].sum()
print(by_treatment)
numerator = by_treatment["attributed"]
assert numerator == figure["total_cost_eur"]

# %% [markdown]
# ## Denominator: EU2 citizens less EU2 employees subject to social insurance
# Both are counts of the same day. The population is rounded to 5, and the mart says what that leaves open.

# %%
denominator = figure["population_persons"] - figure["employees_persons"]
print(f"{figure['population_persons']} - {figure['employees_persons']} = {denominator} persons")
assert denominator == figure["denominator_persons"]

# %% [markdown]
# ## The quotient, and what the city printed

# %%
rate = numerator / int(denominator)
print(f"computed {rate:.2f} EUR; published {figure['published_cost_per_person_eur']} EUR: {figure['verdict']}")
print(f"between {figure['cost_per_person_low_eur']} and {figure['cost_per_person_high_eur']} EUR")
result = int(figure["cost_per_person_rounded_eur"])
assert abs(rate - result) < 1

# %% [markdown]
# `retraced` is not `confirmed`: the employees were solved back from the printed rate (`derived_from_result`), so the
# quotient cannot but give it. Where each number stands in which file:

# %%
print(lagebild.explain(figure)[:3000])
