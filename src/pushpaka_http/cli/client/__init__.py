"""The commands of `pushpaka` that speak to an instance, wherever it is."""
