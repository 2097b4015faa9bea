import time
def test_hang(kafka, redis_server, embedded):
    print("UP", flush=True); time.sleep(100)
