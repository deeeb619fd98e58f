"""What `make bench` runs. Figures are ratios within one run where they can be."""
