# %% [markdown]
# # Two cities, and why there may be no difference
#
# Costs per person of two cities can be subtracted only where they mean the same: the same method, gross or net in both,
# tasks not outsourced in one of them, a town of its own or within a district. `lagebild.compare` asks the mart
# `cost_comparability`; what is not known is a reason against a comparison, too.

# %%
import lagebild
from lagebild.core.errors import UserError

costs = lagebild.read("cost_per_person")
print(costs[["municipality_name", "reference_year", "method", "cost_per_person_rounded_eur", "evidence"]].to_string())
dortmund = costs[costs["municipality_name"] == "Dortmund"].iloc[0]

# %%
refused = {}
try:
    duisburg = lagebild.read("cost_per_person", place="Duisburg").iloc[0]
    found = lagebild.compare(dortmund, duisburg)
    print(f"{found['difference_eur']:.2f} EUR, between {found['low_eur']:.2f} and {found['high_eur']:.2f}")
    print(found.attrs["caption"]["en"])
except UserError as error:
    refused["Duisburg"] = str(error)
    print(error)

# %% [markdown]
# The bundled data has a ledger of one city: the mart has no row for another, and the error says so. With two ledgers in
# the warehouse the cell above names each dimension in which the two differ, or in which nobody has said how it is
# (`municipal_circumstance.csv` of the own configuration).
#
# What can be compared without a ledger are published counts of one source and day:

# %%
population = lagebild.read("foreign_population")
same = population[
    (population["nationality"] == "EU2")
    & (population["sex"] == "all")
    & (population["source"] == "azr_nrw")
    & population["region_name"].isin(["Dortmund", "Duisburg"])
]
shown = same[["region_name", "reference_date", "persons", "persons_low", "persons_high", "per_100_inhabitants"]]
print(shown.to_string())
