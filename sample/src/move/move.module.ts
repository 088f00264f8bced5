import { Module } from '@nestjs/common';
import { MoveController } from './move.controller.js';

@Module({ controllers: [MoveController] })
export class MoveModule {}
