"""
Contract tests of the ports, and fixtures and objects for tests of applications that embed
Pushpaka.
"""
