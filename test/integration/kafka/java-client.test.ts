import { JAVA_CLIENT_VERSION, javaPrograms, runJava } from './clients/java.ts'
import { describeClient } from './describe-client.ts'

const programs = await javaPrograms()

describeClient({
  client: 'Java client',
  version: JAVA_CLIENT_VERSION,
  missing: programs.missing,
  // Those that wait longest come first: some run side by side.
  features: [
    'kip848',
    'pattern',
    'groupAdmin',
    'staticMember',
    'group',
    'cooperative',
    'resume',
    'longPoll',
    'topics',
    'partitions',
    'deleteRecords',
    'offsets',
    'records',
    'codecs',
    'acks',
    'idempotent',
    'configs',
    'cluster',
    'logDirs',
    'scramUsers',
    'autoCreate',
    'startAt',
    'outOfRange',
    'large',
    'appendTime',
    'transactions',
    'transactionOffsets',
    'fencing',
    'transactionAdmin',
  ],
  run: (address, features) => runJava(programs.classPath, 'ClientMain', [address, ...features]),
})
