package bench;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * Segments on Kafka Streams: a processor with an in-memory store and its changelog; for the whole path, before it a
 * processor that checks, and a repartition topic. BENCH_THREADS is the number of threads, BENCH_LINGER_MS how long its
 * producer waits for a batch to fill; see clock.py for the other variables.
 */
public final class Segments {
  static final String STORE = "customers";
  private static final int PARTITIONS = 4;
  private static final String APP = System.getenv("BENCH_APP");
  private static final String SOURCE = System.getenv("BENCH_SOURCE");
  private static final String KAFKA = System.getenv("BENCH_KAFKA");
  private static final boolean WHOLE = "whole".equals(System.getenv("BENCH_JOB"));
  private static final boolean CACHED = "1".equals(System.getenv("BENCH_CACHE"));

  private Segments() {}

  public static void main(String[] arguments) throws Exception {
    Clock clock = new Clock();
    KafkaStreams streams = new KafkaStreams(topology(clock), settings());
    streams.setUncaughtExceptionHandler(failure -> {
      failure.printStackTrace();
      return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    streams.start();
    long deadline = System.nanoTime() + (long) (Double.parseDouble(System.getenv("BENCH_SECONDS")) * 1e9);
    while (!clock.allDone()) pause(streams, deadline);
    try (Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", KAFKA))) {
      // Committed means that changelog and changes written before are acknowledged.
      String input = WHOLE ? APP + "-admitted-repartition" : SOURCE;
      long end = end(admin, input);
      while (committed(admin, input) < end) pause(streams, deadline);
    }
    clock.stop();
    System.out.flush();
    Runtime.getRuntime().halt(0); // an orderly exit takes seconds and measures nothing
  }

  private static Topology topology(Clock clock) {
    StreamsBuilder builder = new StreamsBuilder();
    StoreBuilder<KeyValueStore<String, Customer>> store =
        Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(STORE), Serdes.String(), CustomerSerde.serde());
    builder.addStateStore(CACHED ? store.withCachingEnabled() : store.withCachingDisabled());
    Consumed<String, byte[]> raw = Consumed.with(Serdes.String(), Serdes.ByteArray());
    Produced<String, byte[]> bytes = Produced.with(Serdes.String(), Serdes.ByteArray());
    KStream<String, byte[]> purchases = builder.stream(SOURCE, raw);
    if (WHOLE) {
      Map<String, KStream<String, byte[]>> ways = purchases.process(() -> new Admit(clock))
          .split(Named.as("way-"))
          .branch((customerId, value) -> customerId != null, Branched.as("admitted"))
          .defaultBranch(Branched.as("rejected"));
      ways.get("way-rejected").to(APP + "-rejected", bytes);
      purchases = ways.get("way-admitted").repartition(Repartitioned.<String, byte[]>as("admitted")
          .withKeySerde(Serdes.String()).withValueSerde(Serdes.ByteArray()).withNumberOfPartitions(PARTITIONS));
    }
    purchases.process(() -> new Segment(clock), STORE).to(APP + "-changes", bytes);
    return builder.build();
  }

  private static Properties settings() {
    Properties settings = new Properties();
    settings.put("application.id", APP);
    settings.put("bootstrap.servers", KAFKA);
    settings.put("state.dir", System.getenv("BENCH_DATA"));
    settings.put("num.stream.threads", System.getenv("BENCH_THREADS"));
    settings.put("replication.factor", "1");
    settings.put("commit.interval.ms", "1000");
    settings.put("statestore.cache.max.bytes", Integer.toString(256 << 20));
    settings.put("auto.offset.reset", "earliest");
    settings.put("max.poll.records", "10000");
    settings.put("buffered.records.per.partition", "20000");
    settings.put("consumer.fetch.max.bytes", Integer.toString(64 << 20));
    settings.put("consumer.max.partition.fetch.bytes", Integer.toString(8 << 20));
    settings.put("consumer.receive.buffer.bytes", Integer.toString(1 << 20));
    settings.put("producer.linger.ms", System.getenv().getOrDefault("BENCH_LINGER_MS", "50"));
    settings.put("producer.batch.size", Integer.toString(1 << 20));
    settings.put("producer.buffer.memory", Integer.toString(128 << 20));
    return settings;
  }

  /** Waits briefly; ends the program if Kafka Streams has stopped or the time is up. */
  private static void pause(KafkaStreams streams, long deadline) throws InterruptedException {
    boolean late = System.nanoTime() > deadline;
    if (late || streams.state().hasCompletedShutdown()) {
      System.err.println(late ? "the time is up" : "Kafka Streams has stopped");
      Runtime.getRuntime().halt(1);
    }
    Thread.sleep(5);
  }

  private static long end(Admin admin, String topic) throws Exception {
    Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
    for (TopicPartition each : partitions(topic)) latest.put(each, OffsetSpec.latest());
    return admin.listOffsets(latest).all().get().values().stream().mapToLong(each -> each.offset()).sum();
  }

  private static long committed(Admin admin, String topic) throws Exception {
    Map<TopicPartition, OffsetAndMetadata> offsets = admin.listConsumerGroupOffsets(APP).partitionsToOffsetAndMetadata().get();
    long sum = 0;
    for (TopicPartition each : partitions(topic)) {
      OffsetAndMetadata offset = offsets.get(each);
      sum += offset == null ? 0 : offset.offset();
    }
    return sum;
  }

  private static List<TopicPartition> partitions(String topic) {
    List<TopicPartition> partitions = new ArrayList<>();
    for (int partition = 0; partition < PARTITIONS; partition++) partitions.add(new TopicPartition(topic, partition));
    return partitions;
  }
}
