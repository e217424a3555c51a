"""The API server: REST, gRPC, job and study rules, store, dispatch, events. Never imports a solver."""
