# Numbers of R's pROC on the fixed table beside this file. To regenerate (Debian: r-cran-proc):
#   cd tests/golden && Rscript proc.R > proc.json
suppressMessages(library(pROC))
table <- read.csv("proc_input.csv")
line <- function(score) {
  curve <- roc(table$positive, table[[score]], direction = "<", levels = c(0, 1), quiet = TRUE)
  limits <- ci.auc(curve, method = "delong")
  best <- coords(curve, "best", best.method = "youden", ret = c("sensitivity", "specificity"), transpose = FALSE)[1, ]
  sprintf('"%s": {"auc": %.15g, "variance": %.15g, "ci95": [%.15g, %.15g], "youden": [%.15g, %.15g]}',
          score, auc(curve), var(curve, method = "delong"), limits[1], limits[3], best$sensitivity, best$specificity)
}
a <- roc(table$positive, table$first, direction = "<", levels = c(0, 1), quiet = TRUE)
b <- roc(table$positive, table$second, direction = "<", levels = c(0, 1), quiet = TRUE)
test <- roc.test(a, b, method = "delong", paired = TRUE)
cat("{", line("first"), ",\n ", line("second"), ",\n ",
    sprintf('"covariance": %.15g, "paired": {"z": %.15g, "p": %.15g},\n "version": "pROC %s"}\n',
            cov(a, b, method = "delong"), test$statistic, test$p.value, packageVersion("pROC")), sep = "")
