"""Packet filters of this host, set with iptables."""
