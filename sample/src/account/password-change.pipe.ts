import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';

export interface PasswordChange {
  readonly currentPassword: string;
  readonly newPassword: string;
}

/** 8 to 128 characters, of whatever kind (OWASP ASVS 5.0, 6.2.1 and 6.2.5); an end, since a long one costs work. */
const PASSWORD = /^\P{Cs}{8,128}$/u;

@Injectable()
export class PasswordChangePipe implements PipeTransform<unknown, PasswordChange> {
  transform(body: unknown): PasswordChange {
    const { currentPassword, newPassword } = Object(body) as Record<keyof PasswordChange, unknown>;
    if (typeof currentPassword !== 'string' || typeof newPassword !== 'string')
      throw new BadRequestException('Send "currentPassword" and "newPassword" as strings.');
    if (!PASSWORD.test(newPassword)) throw new BadRequestException('A new password has 8 to 128 characters.');
    if (newPassword === currentPassword) throw new BadRequestException('The new password is the old one.');
    return { currentPassword, newPassword };
  }
}
