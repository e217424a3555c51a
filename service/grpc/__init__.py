"""gRPC: a second face of the functions that REST has. ``python -m service.grpc``."""
