"""What every problem family shares: errors, engine specification, options, context, certificate, registry."""
