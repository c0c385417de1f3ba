import { execFileSync } from 'node:child_process'
import { cpus, totalmem } from 'node:os'

/** Enough of the machine to know which results can be compared. */
export function machineName(): string {
  const cores = cpus()
  const gib = Math.round(totalmem() / 2 ** 30)
  return `${cores[0]?.model.trim() ?? 'unknown'} ×${cores.length}, ${gib} GiB, ${process.platform}-${process.arch}, Node ${process.version}`
}

export function commitName(): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const dirty =
    execFileSync('git', ['status', '--porcelain', '--untracked-files=no'], { encoding: 'utf8' }).trim() !== ''
  return dirty ? `${commit}+` : commit
}
