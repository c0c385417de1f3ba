import { JAVA_CLIENT_VERSION, javaPrograms, runJava } from './clients/java.ts'
import { describeClient } from './describe-client.ts'

const programs = await javaPrograms()

describeClient({
  client: 'Kafka’s command-line tools',
  version: JAVA_CLIENT_VERSION,
  missing: programs.missing,
  features: [
    'topics',
    'partitions',
    'configs',
    'deleteRecords',
    'offsets',
    'groupAdmin',
    'cluster',
    'logDirs',
    'scramUsers',
    'records',
    'startAt',
    'performance',
    'verifiable',
    'transactionAdmin',
  ],
  run: (address, features) => runJava(programs.classPath, 'ToolChecks', [address, ...features]),
})
