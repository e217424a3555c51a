"""What runs beside API and workers: the relay rings, the reaper ends what nobody ends, the retention deletes."""
