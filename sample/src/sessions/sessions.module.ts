import { Module } from '@nestjs/common';
import { Devices } from './devices.js';
import { SessionsController } from './sessions.controller.js';

@Module({ controllers: [SessionsController], providers: [Devices], exports: [Devices] })
export class SessionsModule {}
