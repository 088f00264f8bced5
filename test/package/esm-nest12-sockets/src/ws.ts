import { WsAdapter } from '@nestjs/platform-ws';

import { start } from './start.js';

void start((app) => new WsAdapter(app));
