package bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/** The clock of the benchmark in this process: from the first record until everything is committed. */
final class Clock {
  private final long total = Long.parseLong(System.getenv("BENCH_EVENTS"));
  private final AtomicLong done = new AtomicLong();
  private final AtomicBoolean started = new AtomicBoolean();
  private volatile long began;
  private volatile double cpu;
  private volatile double brokerCpu;

  /** Reports a record; the first one starts the clock. */
  void recordArrives() {
    if (!started.getPlain() && started.compareAndSet(false, true)) {
      cpu = used();
      brokerCpu = usedByBroker();
      began = System.nanoTime();
    }
  }

  /** Reports a purchase that was processed or refused. */
  void purchaseDone() {
    done.incrementAndGet();
  }

  boolean allDone() {
    return done.get() >= total;
  }

  /** Stops the clock and writes the result. */
  void stop() throws IOException {
    double seconds = (System.nanoTime() - began) / 1e9;
    double broker = usedByBroker();
    String measured = String.format(Locale.ROOT, "{\"events\": %d, \"seconds\": %.6f, \"cpu\": %.6f, \"broker_cpu\": %s}",
        done.get(), seconds, used() - cpu, Double.isNaN(broker) ? "null" : String.format(Locale.ROOT, "%.6f", broker - brokerCpu));
    Files.writeString(Path.of(System.getenv("BENCH_RESULT")), measured);
  }

  private static double used() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime() / 1e9;
  }

  /** User and system time of the broker's process, in seconds; on Linux only. */
  private static double usedByBroker() {
    try {
      String stat = Files.readString(Path.of("/proc", System.getenv("BENCH_BROKER_PID"), "stat"));
      String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
      return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / 100.0; // clock ticks: 100 a second on every Linux
    } catch (IOException e) {
      return Double.NaN;
    }
  }
}
