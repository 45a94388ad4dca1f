"""Hosts: asyncio tasks that run the machines and perform their effects through ports."""
