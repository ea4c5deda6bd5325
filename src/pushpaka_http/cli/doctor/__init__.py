"""The checks of `pushpaka doctor`. None of them changes anything."""
