interface PipeTransform {
  transform(value: never, metadata: never): unknown;
}

type Pipe = (abstract new (...args: never[]) => PipeTransform) | PipeTransform;

/**
 * A parameter decorator for a whole or, by name, one part of it; pipes may follow. Written out, since Nest 11 and 12 name its type
 * differently, and the types of sessions, which lead here, are of use without Nest.
 */
export type NamedParameter = (nameOrPipe?: string | Pipe, ...pipes: Pipe[]) => ParameterDecorator;
