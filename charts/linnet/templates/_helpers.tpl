{{- define "linnet.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "linnet.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "linnet.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "linnet.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "linnet.selectorLabels" -}}
app.kubernetes.io/name: {{ include "linnet.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "linnet.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "linnet.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "linnet.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "linnet.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "linnet.subject" -}}
- kind: ServiceAccount
  name: {{ include "linnet.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{/* The suffix that an instance id adds to the names of Leases. */}}
{{- define "linnet.leaseSuffix" -}}
{{- with .Values.instanceId }}-{{ . }}{{ end -}}
{{- end -}}

{{- define "linnet.routers" -}}
{{- $routers := list -}}
{{- if .Values.routers.nginx.enabled }}{{ $routers = append $routers "nginx" }}{{ end -}}
{{- if .Values.routers.istio.enabled }}{{ $routers = append $routers "istio" }}{{ end -}}
{{- join "," $routers | default "none" -}}
{{- end -}}

{{- define "linnet.args" -}}
{{- if .Values.args -}}
{{- toYaml .Values.args -}}
{{- else -}}
- --loglevel={{ .Values.log.level }}
- --logformat={{ .Values.log.format }}
- --metricsPort={{ .Values.metrics.port }}
- --healthzPort={{ .Values.healthz.port }}
- --leader-election-lease-duration={{ .Values.leaderElection.leaseDuration }}
- --leader-election-renew-deadline={{ .Values.leaderElection.renewDeadline }}
- --leader-election-retry-period={{ .Values.leaderElection.retryPeriod }}
- --route-drain-seconds={{ int .Values.routeDrainSeconds }}
- --observed-generation={{ .Values.observedGeneration }}
- --routers={{ include "linnet.routers" . }}
- --istio-api-version={{ .Values.routers.istio.apiVersion }}
{{- if .Values.namespaced }}
- --namespaced
- --namespace={{ .Release.Namespace }}
{{- end }}
{{- with .Values.instanceId }}
- --instance-id={{ . }}
{{- end }}
{{- with .Values.argo.namespace }}
- --argo-namespace={{ . }}
{{- end }}
{{- if .Values.argo.ignoreLease }}
- --ignore-argo-lease
{{- end }}
{{- if .Values.analysis.allowLinkLocal }}
- --allow-link-local-metrics
{{- end }}
{{- end }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end -}}
