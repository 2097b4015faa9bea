"""What an operator watches and runs: doctor, metrics, rejected events, the image."""
