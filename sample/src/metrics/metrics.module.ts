import { Module } from '@nestjs/common';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { SessionMetrics } from 'nestjs-redis-session/metrics';
import { MetricsController } from './metrics.controller.js';

@Module({
  controllers: [MetricsController],
  providers: [
    { provide: PrometheusExporter, useFactory: () => new PrometheusExporter({ preventServerStart: true }) },
    {
      provide: SessionMetrics,
      inject: [PrometheusExporter],
      useFactory: (exporter: PrometheusExporter) => new SessionMetrics({ meterProvider: new MeterProvider({ readers: [exporter] }) }),
    },
  ],
})
export class MetricsModule {}
