import { Module } from '@nestjs/common';
import { PageController } from './page.controller.js';
import { SessionStorage } from './session-storage.js';

@Module({ controllers: [PageController], providers: [SessionStorage] })
export class PageModule {}
