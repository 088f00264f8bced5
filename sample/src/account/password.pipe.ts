import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';

@Injectable()
export class PasswordPipe implements PipeTransform<unknown, string> {
  transform(body: unknown): string {
    const { password } = Object(body) as { password?: unknown };
    if (typeof password !== 'string') throw new BadRequestException('Send "password" as a string.');
    return password;
  }
}
