"""What campaigns do, in tables of At, Event and Want that a marketer can read and that run as tests."""
