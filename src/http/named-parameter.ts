import type { PipeTransform, Type } from '@nestjs/common';

type Pipe = Type<PipeTransform> | PipeTransform;

/** A parameter decorator for a whole or, by name, one part of it; pipes may follow. Written out, since Nest 11 and 12 name its type differently. */
export type NamedParameter = (nameOrPipe?: string | Pipe, ...pipes: Pipe[]) => ParameterDecorator;
