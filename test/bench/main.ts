/** `npm run bench -- [NAME…] [options]`. JSON lines on stdout, progress on stderr; exits with 1 when a goal is missed. */
const BENCHES: Readonly<Record<string, { summary: string; load: () => Promise<unknown> }>> = {
  'w1, w2': {
    summary:
      'pipelines against plain DuckDB, in pairs [--records N] [--pairs N] [--apache] [--cpu-prof DIR]; these unless told',
    load: () => import('./pipelines/main.ts'),
  },
  broker: {
    summary: 'the embedded broker beside Apache Kafka (needs Java and Maven) [--records N] [--rounds N]',
    load: () => import('./broker/main.ts'),
  },
  delivery: {
    summary:
      'from topic to topic, exactly once beside at least once [--records N] [--pairs N] [--epoch N] [--apache] [--cpu-prof DIR]',
    load: () => import('./delivery/main.ts'),
  },
  fuzz: {
    summary: 'mutated requests against the embedded broker [--frames N] [--seconds N] [--seed N] [--attackers N]',
    load: () => import('./fuzz/main.ts'),
  },
}

const [first = '-'] = process.argv.slice(2)
const name = first.startsWith('-') ? 'w1' : first
const chosen = Object.entries(BENCHES).find(([names]) => names.split(', ').includes(name))
if (process.argv.includes('--help') || chosen === undefined) {
  console.error('usage: npm run bench -- [NAME…] [options]')
  for (const [names, { summary }] of Object.entries(BENCHES)) console.error(`  ${names.padEnd(10)}${summary}`)
  process.exitCode = chosen === undefined ? 2 : 0
} else await chosen[1].load()
