"""The harness: studies, sweeps, cells, runs and verdicts. It imports no model code outside `studies/`."""
