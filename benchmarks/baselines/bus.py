"""A bare loop on aiokafka: publish COUNT messages, take them by 64 with a commit for each 64, then FEW one by one.

python -m benchmarks.baselines.bus SERVERS COUNT FEW
"""
import asyncio, json, sys, time, uuid
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

async def publish(servers: str, topic: str, count: int) -> float:
    slots = asyncio.Semaphore(256)
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
    await producer.start()
    async def one(number: int) -> None:
        async with slots:
            await producer.send_and_wait(topic, b"x" * 400, key=b"key-%d" % (number % 100))
    await one(0)
    begun = time.monotonic()
    await asyncio.gather(*(one(number) for number in range(count)))
    took = time.monotonic() - begun
    await producer.stop()
    return took

async def take(servers: str, topic: str, count: int, size: int) -> float:
    how = {"group_id": f"{topic}-{size}", "enable_auto_commit": False, "auto_offset_reset": "earliest"}
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=servers, **how)
    await consumer.start()
    await consumer.getone()
    await consumer.commit()
    begun = time.monotonic()
    for number in range(1, count + 1):
        await consumer.getone()
        if number % size == 0 or number == count:
            await consumer.commit()
    took = time.monotonic() - begun
    await consumer.stop()
    return took

async def main(servers: str, count: str, few: str) -> None:
    topic = f"bare-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 4, 1)])
    await admin.close()
    seconds = [await publish(servers, topic, int(count))]
    seconds += [await take(servers, topic, int(much), size) for much, size in ((count, 64), (few, 1))]
    print(json.dumps({"seconds": seconds}))

asyncio.run(main(*sys.argv[1:]))
