/** Commands of configuration mode. `run`, `help` and `exit` of operational mode are the command line's own. */
export const COMMANDS: Readonly<Record<string, string>> = {
  activate: 'Remove the inactive tag from a statement',
  annotate: 'Annotate the statement with a comment',
  commit: 'Commit current set of changes',
  copy: 'Copy a statement',
  deactivate: 'Add the inactive tag to a statement',
  delete: 'Delete a data element',
  edit: 'Edit a sub-element',
  exit: 'Exit from this level',
  insert: 'Insert a new ordered data element',
  load: 'Load configuration from file',
  quit: 'Quit from this level',
  rename: 'Rename a statement',
  replace: 'Replace character string in configuration',
  rollback: 'Roll back to previous committed configuration',
  save: 'Save configuration to file',
  set: 'Set a parameter',
  show: 'Show a parameter',
  status: 'Show users currently editing configuration',
  top: 'Exit to top level of configuration',
  up: 'Exit one level of configuration',
  update: 'Update private database',
  wildcard: 'Wildcard operations',
};
/** The whole word of an abbreviated command. */
export function commandOf(text: string): string | readonly string[] {
  if (Object.hasOwn(COMMANDS, text)) return text;
  const like = Object.keys(COMMANDS).filter((name) => text !== '' && name.startsWith(text));
  return like.length === 1 ? like[0]! : like;
}
