{{- define "kantor.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "kantor.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "kantor.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "kantor.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "kantor.env" -}}
- name: KANTOR_DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ .Values.secret.name }}, key: {{ .Values.secret.databaseUrlKey }}}}
- name: KANTOR_REDIS_URL
  valueFrom: {secretKeyRef: {name: {{ .Values.secret.name }}, key: {{ .Values.secret.redisUrlKey }}}}
- name: KANTOR_API_KEY_PEPPER
  valueFrom: {secretKeyRef: {name: {{ .Values.secret.name }}, key: {{ .Values.secret.pepperKey }}}}
- name: KANTOR_ARTIFACTS_URL
  value: {{ .Values.artifacts.url | quote }}
{{- /* jobs of pools that KEDA has scaled to none are let in: they are what brings a worker back */}}
{{- $elastic := list }}
{{- if .Values.keda.enabled }}
{{- range $pool, $worker := .Values.workers }}{{ if $worker.enabled }}{{ $elastic = append $elastic $pool }}{{ end }}{{ end }}
{{- end }}
- name: KANTOR_ELASTIC_POOLS
  value: {{ join "," $elastic | quote }}
{{- if .Values.metrics.enabled }}
- name: KANTOR_METRICS_ADDRESS
  value: "0.0.0.0:{{ .Values.metrics.port }}"
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Of roles that listen on no port: they touch a file for as long as they turn, also while the database is away. */}}
{{- define "kantor.alive" -}}
{"env": [{"name": "KANTOR_ALIVE_FILE", "value": "/tmp/alive"}], "probes": {
  "startupProbe": {"exec": {"command": ["kantor-role", "alive"]}, "periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 60},
  "livenessProbe": {"exec": {"command": ["kantor-role", "alive"]}, "periodSeconds": 30, "timeoutSeconds": 10}}}
{{- end }}

{{- define "kantor.envFrom" -}}
{{- with .Values.artifacts.s3Secret }}
envFrom:
  - secretRef: {name: {{ . }}}
{{- end }}
{{- end }}

{{- define "kantor.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "kantor.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "kantor.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if .Values.artifacts.claim }}
- {name: artifacts, mountPath: /data}
{{- end }}
{{- end }}

{{- define "kantor.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: {{ .Values.tmpSize }}}
{{- if .Values.artifacts.claim }}
- name: artifacts
  persistentVolumeClaim: {claimName: {{ .Values.artifacts.claim }}}
{{- end }}
{{- end }}

{{- define "kantor.metricsPort" -}}
{{- if .Values.metrics.enabled }}
- {name: metrics, containerPort: {{ .Values.metrics.port }}}
{{- end }}
{{- end }}

{{/* A deployment of one role: dict root, role, replicas ("auto": left to the autoscaler), spec, args, grace; or not: ports,
probes, env, mounts, volumes, image, strategy, drains (waits before it stops, for its Service to forget it) */}}
{{- define "kantor.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "kantor.name" .root }}-{{ .role }}
  labels:
    {{- include "kantor.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .role }}
spec:
  {{- if ne (toString .replicas) "auto" }}
  replicas: {{ .replicas }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "kantor.selector" . | nindent 6 }}
  strategy:
    rollingUpdate: {{ .strategy | default (dict "maxUnavailable" 0 "maxSurge" 1) | toJson }}
  template:
    metadata:
      labels:
        {{- include "kantor.selector" . | nindent 8 }}
        {{- with .spec.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .spec.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      {{- with .spec.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      serviceAccountName: {{ include "kantor.name" .root }}
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: {{ .grace }}
      securityContext:
        {{- include "kantor.podSecurity" .root | nindent 8 }}
      {{- with .root.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .spec.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .spec.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .spec.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      # as far as nodes allow, not all on one
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "kantor.selector" . | nindent 14 }}
      containers:
        - name: {{ .role }}
          image: {{ .image | default (include "kantor.image" .root) | quote }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          args: {{ toJson .args }}
          env:
            {{- include "kantor.env" .root | nindent 12 }}
            {{- with .env }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          {{- include "kantor.envFrom" .root | nindent 10 }}
          {{- if or .ports .root.Values.metrics.enabled }}
          ports:
            {{- with .ports }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
            {{- include "kantor.metricsPort" .root | nindent 12 }}
          {{- end }}
          {{- with .probes }}
          {{- toYaml . | nindent 10 }}
          {{- end }}
          {{- if .drains }}
          # until nobody sends it requests any more
          lifecycle: {preStop: {exec: {command: [sleep, "5"]}}}
          {{- end }}
          resources:
            {{- toYaml .spec.resources | nindent 12 }}
          securityContext:
            {{- include "kantor.security" .root | nindent 12 }}
          volumeMounts:
            {{- include "kantor.mounts" .root | nindent 12 }}
            {{- with .mounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        {{- include "kantor.volumes" .root | nindent 8 }}
        {{- with .volumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end }}

{{/* Never down to none by a drain of nodes. */}}
{{- define "kantor.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "kantor.name" .root }}-{{ .role }}
  labels:
    {{- include "kantor.labels" .root | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "kantor.selector" . | nindent 6 }}
{{- end }}
