import { defineConfig } from 'vitest/config'

const services = { testTimeout: 60_000, hookTimeout: 120_000 }

export default defineConfig({
  test: {
    // Two cores: more workers only make every timing in the suite worse.
    maxWorkers: 2,
    projects: [
      { test: { name: 'unit', include: ['packages/*/src/**/*.test.ts'], testTimeout: 60_000 } },
      { test: { name: 'integration', include: ['test/integration/**/*.test.ts'], ...services } },
      {
        // What the integration tests ask of the embedded broker, asked of Apache Kafka.
        test: {
          name: 'apache-kafka',
          include: ['test/integration/kafka{,-*}.test.ts', 'test/integration/kafka/**/*.test.ts'],
          // Kafka itself is not what is killed, and the one that is there has no users.
          exclude: ['test/integration/kafka/{killed-*,secured}.test.ts'],
          globalSetup: ['test/support/apache-kafka/global-setup.ts'],
          setupFiles: ['test/support/apache-kafka/skip-without.ts'],
          ...services,
        },
      },
      { test: { name: 'golden', include: ['test/golden/**/*.test.ts'], ...services } },
      { test: { name: 'recovery', include: ['test/recovery/**/*.test.ts'], ...services, testTimeout: 300_000 } },
      { test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], ...services, testTimeout: 180_000 } },
    ],
  },
})
