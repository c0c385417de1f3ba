import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * As whom PostgreSQL runs: it refuses root. `setpriv` keeps the one capability that lets it reach a data folder below
 * folders which only root may enter; `drop` merely changes the user.
 */
export type Account =
  | { readonly kind: 'self' }
  | { readonly kind: 'setpriv' | 'drop'; readonly uid: number; readonly gid: number }

export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly uid?: number
  readonly gid?: number
}

/** The command that runs `command` as the account; pure. */
export function planLaunch(account: Account, command: string, args: readonly string[]): Launch {
  if (account.kind === 'self') return { command, args }
  const { uid, gid } = account
  if (account.kind === 'drop') return { command, args, uid, gid }
  const user = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups']
  const capability = ['--securebits=+no_setuid_fixup', '--inh-caps=+dac_override', '--ambient-caps=+dac_override']
  return { command: 'setpriv', args: [...user, ...capability, command, ...args] }
}

/** The account for data that belongs to `owner` (nobody, where there is no data or root owns it). */
export async function chooseAccount(owner?: { uid: number; gid: number }): Promise<Account> {
  if (process.getuid?.() !== 0) return { kind: 'self' }
  const { uid, gid } = owner !== undefined && owner.uid !== 0 ? owner : await nobody()
  const probe = planLaunch({ kind: 'setpriv', uid, gid }, 'true', [])
  const works = await run(probe.command, [...probe.args]).then(
    () => true,
    () => false,
  )
  return { kind: works ? 'setpriv' : 'drop', uid, gid }
}

async function nobody(): Promise<{ uid: number; gid: number }> {
  const id = async (flag: '-u' | '-g') => Number((await run('id', [flag, 'nobody'])).stdout.trim())
  return { uid: await id('-u'), gid: await id('-g') }
}
