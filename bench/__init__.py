"""The benchmark: ratios of variants measured side by side in one run, never a verdict on absolute numbers."""
