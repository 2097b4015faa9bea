"""What earlier versions have left on disks and topics, and that this version continues with it."""
