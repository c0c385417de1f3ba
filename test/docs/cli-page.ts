import { createProgram } from 'headrace'
import { fenced, page } from './markdown.ts'

type Program = ReturnType<typeof createProgram>

/** The help of every command, as `--help` prints it. */
export function cliPage(): string {
  const program = createProgram()
  return page(
    'Command line',
    fenced('text', helpOf(program)),
    ...leaves(program).flatMap(({ name, command }) => [`## ${name}`, fenced('text', helpOf(command))]),
  )
}

function leaves(program: Program): { name: string; command: Program }[] {
  const visit = (command: Program, name: string): { name: string; command: Program }[] =>
    command.commands.length === 0
      ? [{ name, command }]
      : command.commands.flatMap((child) => visit(child, `${name} ${child.name()}`))
  return visit(program, program.name())
}

function helpOf(command: Program): string {
  let text = ''
  command.configureOutput({
    writeOut: (part) => {
      text += part
    },
    getOutHelpWidth: () => 100,
    getOutHasColors: () => false,
  })
  command.outputHelp()
  return text
}
