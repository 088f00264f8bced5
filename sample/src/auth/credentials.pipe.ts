import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

@Injectable()
export class CredentialsPipe implements PipeTransform<unknown, Credentials> {
  transform(body: unknown): Credentials {
    const { username, password } = Object(body) as Record<keyof Credentials, unknown>;
    if (typeof username !== 'string' || typeof password !== 'string')
      throw new BadRequestException('Send "username" and "password" as strings.');
    return { username, password };
  }
}
