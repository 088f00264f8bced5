import { parseArgs } from 'node:util';
import { nearest } from '../session/option-checks.js';
import { isHandle } from '../session/sid.js';
import { COMMON_OPTIONS, CONNECTION_OPTIONS, MISSING_OPTIONS, type OptionSpec } from './options.js';
import { usageProblem } from './problems.js';

/** What the environment says. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What stands on the command line and in the environment. */
export class Arguments {
  constructor(
    readonly positionals: readonly string[],
    private readonly given: ReadonlyMap<string, readonly string[]>,
    private readonly specs: Readonly<Record<string, OptionSpec>>,
    readonly env: Environment,
  ) {}

  /** Whether an option stands on the command line itself. */
  isTyped(name: string): boolean {
    return this.given.has(name);
  }

  text(name: string): string | undefined {
    return this.texts(name).at(-1);
  }

  /** Of an option that may stand several times; in a variable, with commas between. */
  texts(name: string): readonly string[] {
    const typed = this.given.get(name);
    if (typed !== undefined) return typed;
    const { env, multiple, separator = ',' } = this.specs[name] ?? {};
    const variable = env === undefined ? undefined : this.env[env];
    if (variable === undefined || variable === '') return [];
    return multiple === true ? variable.split(separator).map((one) => one.trim()) : [variable];
  }

  flag(name: string): boolean {
    if (this.given.has(name)) return true;
    const { env } = this.specs[name] ?? {};
    const variable = env === undefined ? undefined : this.env[env];
    if (env === undefined || variable === undefined || variable === '') return false;
    if (/^(?:true|1|yes)$/i.test(variable)) return true;
    if (/^(?:false|0|no)$/i.test(variable)) return false;
    throw usageProblem(`${env} must be true or false.`);
  }

  /**
   * A whole number.
   *
   * @param others what the caller takes besides, for the error
   */
  count(name: string, least: number, most: number, others = ''): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw usageProblem(`--${name} must be a whole number from ${least} to ${most}${others}.`);
    return value;
  }
}

/** Reads the command line of a command whose own options are `own`. Throws what its user is to be told. */
export function readArguments(args: readonly string[], own: Readonly<Record<string, OptionSpec>>, env: Environment): Arguments {
  const specs: Readonly<Record<string, OptionSpec>> = { ...own, ...CONNECTION_OPTIONS, ...COMMON_OPTIONS };
  const { positionals, tokens } = parseArgs({
    args: handlesApart(args, specs),
    options: Object.fromEntries(
      Object.entries(specs).map(([name, { type, short }]) => [name, short === undefined ? { type } : { type, short }]),
    ),
    allowPositionals: true,
    tokens: true,
    // It says nothing of what was probably meant, and repeats values.
    strict: false,
  });
  const given = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined;
    if (spec === undefined) throw unknownOption(token.name, Object.keys(specs));
    const values = given.get(token.name) ?? [];
    if (values.length > 0 && spec.type === 'string' && spec.multiple !== true)
      throw usageProblem(`--${token.name} stands there twice. Leave one out.`);
    values.push(valueOf(token, spec));
    given.set(token.name, values);
  }
  return new Arguments(positionals, given, specs, env);
}

type OptionToken = { readonly name: string; readonly value: string | undefined; readonly inlineValue: boolean | undefined };

function valueOf({ name, value, inlineValue }: OptionToken, { type, value: what = '' }: OptionSpec): string {
  if (type === 'boolean') {
    if (value !== undefined) throw usageProblem(`--${name} takes no value.`);
    return '';
  }
  const isOption = inlineValue !== true && value?.startsWith('-') === true;
  if (value === undefined || value === '' || isOption) throw usageProblem(`--${name} needs a value: --${name} ${what}`);
  return value;
}

function unknownOption(name: string, known: readonly string[]): Error {
  // What follows dashes by mistake may hold a password.
  if (!/^[\w-]{1,40}$/.test(name)) return usageProblem('An option that begins like that does not exist. Try --help.');
  const instead = MISSING_OPTIONS.get(name);
  if (instead !== undefined) return usageProblem(`There is no option --${name}. ${instead}`);
  const meant = nearest(name, known);
  return usageProblem(`There is no option ${dashed(name)}. ${meant === undefined ? 'Try --help.' : `Did you mean --${meant}?`}`);
}

function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

/** One handle in 64 begins with a dash. What can be one, and is no option, goes behind the `--` that says so. */
function handlesApart(args: readonly string[], specs: Readonly<Record<string, OptionSpec>>): string[] {
  const end = args.indexOf('--');
  const options = end < 0 ? args : args.slice(0, end);
  const isDashed = (arg: string) => arg.startsWith('-') && isHandle(arg) && !(arg.startsWith('--') && Object.hasOwn(specs, arg.slice(2)));
  const dashedHandles = options.filter(isDashed);
  if (dashedHandles.length === 0) return [...args];
  return [...options.filter((arg) => !isDashed(arg)), '--', ...dashedHandles, ...(end < 0 ? [] : args.slice(end + 1))];
}

/** The one argument that a command is about. */
export function onlyPositional({ positionals }: Arguments, what: string, usage: string): string {
  const [first, second] = positionals;
  if (first === undefined || first === '') throw usageProblem(`Which ${what}? Type: ${usage}`);
  if (second !== undefined) throw usageProblem(`One ${what} at a time. Type: ${usage}`);
  return first;
}

export function noPositionals({ positionals }: Arguments, usage: string): void {
  if (positionals.length > 0) throw usageProblem(`That command takes no further words. Type: ${usage}`);
}
