import { Module } from '@nestjs/common';
import { SessionSockets } from 'nestjs-redis-session/websocket';
import { PresenceGateway } from './presence.gateway.js';

@Module({ providers: [SessionSockets, PresenceGateway] })
export class PresenceModule {}
