"""Nodes, workers, the audit log, activity and stored secrets of an instance."""
