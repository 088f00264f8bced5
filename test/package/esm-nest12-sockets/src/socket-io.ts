import { IoAdapter } from '@nestjs/platform-socket.io';

import { start } from './start.js';

void start((app) => new IoAdapter(app));
