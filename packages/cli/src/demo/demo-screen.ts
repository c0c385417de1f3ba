import type { PipelineStatus } from '@headrace/core'
import type { CliContext, TextStream } from '../context.ts'
import type { Colors } from '../output/colors.ts'
import { formatElapsed } from '../output/format.ts'
import { type LiveView, liveView } from '../output/live-view.ts'
import { renderStatusFrame, renderStatusLine } from '../output/status-view.ts'
import { renderTable } from '../output/table.ts'
import type { Shown } from './read-sinks.ts'

/** What the demo shows while it goes. With `--json` nothing of it reaches the user. */
export class DemoScreen {
  readonly colors: Colors
  readonly #stream: TextStream
  #view: LiveView

  constructor(context: CliContext, silent: boolean) {
    this.colors = context.colors
    this.#stream = silent ? { write: () => true } : context.stdout
    this.#view = this.#newView()
  }

  write(text: string): void {
    this.#view.note(text)
  }

  heading(text: string): void {
    this.write(`\n${this.colors.bold(text)}`)
  }

  /** Does a part of the work and says that it is done, in words that may tell its outcome, and how long it took. */
  async step<T>(work: () => Promise<T>, said: (outcome: T) => string): Promise<T> {
    const started = performance.now()
    const outcome = await work()
    this.endLive()
    this.write(
      `${this.colors.green('✓')} ${said(outcome)}  ${this.colors.dim(formatElapsed(performance.now() - started))}`,
    )
    return outcome
  }

  progress(line: () => string): void {
    this.#view.show(() => `  ${line()}`, line)
  }

  status(status: PipelineStatus): void {
    this.#view.show(
      () => renderStatusFrame(status, this.colors),
      () => renderStatusLine(status),
    )
  }

  table({ columns, rows }: Shown): void {
    const numeric = (column: number) => rows.every((row) => /^-?\d+(\.\d+)?$/.test(String(row[column])))
    const heads = columns.map((name, i) => ({ name, align: numeric(i) ? ('right' as const) : ('left' as const) }))
    this.write(indent(renderTable(heads, rows, { colors: this.colors })))
  }

  /** Leaves what was shown live standing; what follows comes below it. */
  endLive(): void {
    this.#view.end()
    this.#view = this.#newView()
  }

  #newView(): LiveView {
    return liveView({ stream: this.#stream, lineMs: 2000 })
  }
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ')
}
