"""Connections with TLS, passwords and certificates, allowed and refused."""
