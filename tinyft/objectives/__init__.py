"""L4: what a language model is trained for; the chapters from 21 on will fill it."""
