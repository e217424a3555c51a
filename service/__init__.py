"""The server: REST, job rules, store, dispatcher and the embedded servers. Never imports a solver."""
