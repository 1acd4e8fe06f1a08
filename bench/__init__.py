"""The benchmarks: ratios of variants measured side by side, because absolute numbers depend on the machine."""
