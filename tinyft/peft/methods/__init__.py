"""The methods: one file per method, and nothing in it but the method."""
