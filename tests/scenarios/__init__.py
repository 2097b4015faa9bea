"""What campaigns do, told as tables of At, Event and Want that a marketer can read, and run as tests."""
