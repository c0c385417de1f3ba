import { type ChildProcess, spawn } from 'node:child_process'

/**
 * Ends a child (SIGINT) when this process goes away in whatever manner, SIGKILL included: a shell waits on a pipe that
 * only this process holds open. PR_SET_PDEATHSIG would do the same on Linux alone, and would fire when the thread that
 * spawned the child ends, not the process.
 */
export function dieWithParent(child: ChildProcess): void {
  if (child.pid === undefined) return
  const watcher = spawn(
    '/bin/sh',
    ['-c', 'read -r _; kill -INT "$1" 2>/dev/null', 'headrace-watch', String(child.pid)],
    {
      // A session of its own: Ctrl-C in the terminal is for this process to answer, not for the watcher.
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
    },
  )
  // Without a shell there is no watcher; the next start finds an orphan by its pid file.
  watcher.on('error', () => undefined)
  watcher.unref()
  // The number may belong to someone else once the child is gone.
  child.once('exit', () => watcher.kill('SIGKILL'))
}
