# Shares and standard errors by the package survey, for tests/dbt_project/test_survey.py: a second opinion.
# usage: Rscript estimates.R persons.csv > estimates.csv
suppressMessages(library(survey))
options(survey.lonely.psu = "adjust")
persons <- read.csv(commandArgs(TRUE)[1], colClasses = "character")
persons$weight <- as.numeric(persons$weight)
measures <- sub("^yes_", "", grep("^yes_", names(persons), value = TRUE))
for (m in measures) persons[[paste0("yes_", m)]] <- as.numeric(persons[[paste0("yes_", m)]])
groups <- c("all", "size_class", "sex", "age_group", "background_group")
cat("held_by_ags,reference_period,region_code,measure,dimension,level,share,standard_error\n")
for (held in unique(persons$held_by_ags)) for (period in unique(persons$reference_period)) {
  part <- persons[persons$held_by_ags == held & persons$reference_period == period, ]
  if (nrow(part) == 0) next
  design <- svydesign(ids = ~district, strata = ~stratum, weights = ~weight, data = part, nest = TRUE)
  for (region in c("00", unique(part$state))) for (measure in measures) for (group in groups) {
    if (group != "all" && grepl("Q", period)) next
    levels <- if (group == "all") "all" else unique(part[[group]])
    for (level in levels) {
      chosen <- (region == "00" | part$state == region) & !is.na(part[[paste0("yes_", measure)]])
      if (group != "all") chosen <- chosen & part[[group]] == level
      if (!any(chosen)) next
      found <- svymean(as.formula(paste0("~yes_", measure)), subset(design, chosen))
      cat(paste(held, period, region, measure, group, level,
                sprintf("%.10f", coef(found)[[1]]), sprintf("%.10f", SE(found)[[1]]), sep = ","), "\n", sep = "")
    }
  }
}
cat(sprintf("# R %s, survey %s\n", getRversion(), packageVersion("survey")))
